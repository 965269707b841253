// Loaded before the program: what goes to RemBG's hosts goes to REMBG_URL. Nothing else is changed.
const axios = require("axios");

axios.interceptors.request.use((config) => {
  config.url = config.url.replace(/^https:\/\/api\.(rembg\.com|remove-background\.ai)(?=\/)/, process.env.REMBG_URL);
  return config;
});
