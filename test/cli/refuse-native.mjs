/** Loaded with `node --import`: no native module can be loaded, whoever tries is named. */
process.dlopen = (_module, path) => {
  throw new Error(`native module refused: ${path}`);
};
