import { testPlace } from '../check.mts';

testPlace('fetch');
