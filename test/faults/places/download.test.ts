import { testPlace } from '../check.mts';

testPlace('download');
