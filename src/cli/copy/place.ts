import { invalidArgument } from '../../lib/errors.ts'

/** One end of a copy: a path here, or in a container. */
export type Place =
  | { readonly kind: 'local'; readonly path: string }
  | { readonly kind: 'container'; readonly container: string; readonly path: string }

/** Reads `web/nginx:/etc/nginx` as a place in a container; a path here with a colon begins with `/` or `.`. */
export function parsePlace(text: string): Place {
  const colon = text.indexOf(':')
  if (colon === -1 || /^[./]/.test(text)) return { kind: 'local', path: text }
  const [container, path] = [text.slice(0, colon), text.slice(colon + 1)]
  if (container === '') throw invalidArgument(`"${text}" names no container before the colon`)
  if (!path.startsWith('/')) throw invalidArgument(`"${text}": the path in a container must be absolute`)
  return { kind: 'container', container, path }
}
