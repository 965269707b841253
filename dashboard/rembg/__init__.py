"""The RemBG client: one wire, three servers (rembg.com, our gateway, our sandbox). No Django."""
