export { StableDiffusionApi } from './credentials/StableDiffusionApi.credentials';
export { ImgTo3d } from './nodes/ImgTo3d/ImgTo3d.node';
export { ImgTo3dTrigger } from './nodes/ImgTo3d/ImgTo3dTrigger.node';
