const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  validatorUrl: null,
  onComplete: () => {
    // The token that the landing page keeps for this tab.
    const token = sessionStorage.getItem("foretide-token");
    if (token !== null) ui.preauthorizeApiKey("bearer", token);
  },
});
