/**
 * The program of a worker thread: NAME.ts beside the module at `module`, its `import.meta.url`, when run from source; in a
 * release NAME.js beside the bundle.
 */
export const workerFile = (name: string, module: string): URL =>
  new URL(`./${name}.${module.endsWith('.ts') ? 'ts' : 'js'}`, module)
