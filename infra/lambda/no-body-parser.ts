// Replaces body-parser in bundles: Express exports its middleware, and the API reads bodies itself.
const unused = undefined;

export { unused as json, unused as raw, unused as text, unused as urlencoded };
