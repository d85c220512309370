window.ui = SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, persistAuthorization: true });
const token = sessionStorage.getItem("foretide-token");
if (token) window.ui.preauthorizeApiKey("HTTPBearer", token);
