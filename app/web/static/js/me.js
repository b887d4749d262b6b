// Who looks at the page, as the server said when it was loaded.

const { role, builtIn } = document.getElementById("app")?.dataset ?? {};

export const mayWrite = () => role !== "viewer";
export const isBuiltIn = () => builtIn === "yes";
