// The HTTP surface of a program: the API, and the pages for operators and browsers beside it.
import type { Application } from 'express';
import { type ApiDeps, createApi } from './api.js';
import { operations, type Readiness } from './operations.js';

export interface AppDeps extends Omit<ApiDeps, 'pages'> {
  readiness: Readiness;
}

export function createApp(deps: AppDeps): Application {
  return createApi({ ...deps, pages: operations(deps) });
}
