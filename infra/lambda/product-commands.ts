// Changes of products, prices, coupons, tariffs and settings.
import { apiHandler } from './api.js';

export const handler = apiHandler('product-commands');
