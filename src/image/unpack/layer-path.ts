import { printableName } from './tar-reader.ts'

/**
 * The components of an entry's name below the layer's root; empty for the root itself. A leading slash means nothing, as
 * GNU tar has it. `..` is refused: no honest layer has it. Throws with the name in the message.
 */
export function layerComponents(name: string): string[] {
  const components = name.split('/').filter((component) => component !== '' && component !== '.')
  if (components.includes('..')) throw new Error(`the entry "${printableName(name)}" points out of the layer`)
  return components
}

export const whiteoutPrefix = '.wh.'
/** In a folder: everything that lower layers have in it is hidden (OCI image-spec, layer.md, "Opaque Whiteout"). */
export const opaqueWhiteout = '.wh..wh..opq'
/** Names that AUFS kept for itself; they hide nothing. */
export const aufsPrefix = '.wh..wh.'
