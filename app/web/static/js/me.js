// Who looks at the page, as the server said when it was loaded.

const { role, builtIn, via } = document.getElementById("app")?.dataset ?? {};

export const mayWrite = () => role !== "viewer";
export const isBuiltIn = () => builtIn === "yes";
// Not where nobody is asked to: ERRAND_AUTH=none.
export const signedIn = () => via !== "open";
