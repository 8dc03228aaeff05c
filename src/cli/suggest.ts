// The nearest known word, where the commands look for it.
export { didYouMean, nearest } from '../nearest-word.js';
