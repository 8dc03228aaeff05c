export const DEADLY_LENGTH: number;
