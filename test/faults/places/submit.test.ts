import { testPlace } from '../check.mts';

testPlace('submit');
