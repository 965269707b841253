// Answers one line of JSON for each line of JSON: a call of rembg() as its documents show it.
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const inputs = {
  path: (path) => path,
  buffer: (path) => readFileSync(path),
  base64: (path) => ({ base64: readFileSync(path).toString("base64") }),
  dataUrl: (path) => ({
    base64: `data:image/png;base64,${readFileSync(path).toString("base64")}`,
  }),
};

async function answer({ name, url, apiKey, path, input, options }) {
  process.env.REMBG_URL = url;
  const { rembg } = await import(name);
  const uploads = [];
  const downloads = [];
  try {
    const { outputImagePath, base64Image, cleanup } = await rembg({
      apiKey,
      inputImage: inputs[input](path),
      inputImagePath: path, // So it is called before 1.1.9.
      onUploadProgress: (event) => uploads.push(event),
      onDownloadProgress: (event) => downloads.push(event),
      options,
    });
    if (base64Image) return { base64Image, uploads, downloads };
    const picture = readFileSync(outputImagePath).toString("base64");
    await cleanup();
    return { picture, outputImagePath, left: existsSync(outputImagePath), uploads, downloads };
  } catch (error) {
    return { error: error.message };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const said = await answer(JSON.parse(line));
  process.stdout.write(`${JSON.stringify(said, (name, value) => (name === "event" ? undefined : value))}\n`);
}
// After a refusal of a Buffer the client leaves its upload open, which would keep Node for 30 s.
process.exit();
