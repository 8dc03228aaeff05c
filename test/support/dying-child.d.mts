// The types of dying-child.mjs, which has to stay JavaScript: Node forks it as it is.
export const DEADLY_LENGTH: number;
