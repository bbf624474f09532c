// All endpoints of the product without real dependencies, for tests of their declarations.
export { allEndpoints } from '../infra/modules/all-endpoints.js';
