// Replaces the SDK's search for credentials in bundles: a function has them in its environment, and nowhere else.
import { fromEnv } from '@aws-sdk/credential-provider-env';

export const defaultProvider = fromEnv;
export const credentialsTreatedAsExpired = () => false;
export const credentialsWillNeedRefresh = () => false;
