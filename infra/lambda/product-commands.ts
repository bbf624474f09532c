// Changes of products, prices, coupons, tariffs and settings, and what customers look at.
import { viewParts } from '../modules/aws/views.js';
import { apiHandler } from './api.js';

export const handler = apiHandler('product-commands', viewParts);
