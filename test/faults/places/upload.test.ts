import { testPlace } from '../check.mts';

testPlace('upload');
