import { testPlace } from '../check.mts';

testPlace('webhook');
