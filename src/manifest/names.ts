import { invalidArgument } from '../lib/errors.ts'

/** Whether a text can be one folder's name and nothing else. */
export const isSafeName = (text: string) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(text)

/**
 * A name as Kubernetes has it (RFC 1123): lower-case letters, digits and dashes, at most 63; with `dots`, several of
 * these
 * joined by dots, at most 253. Names become parts of paths, so nothing else may pass.
 *
 * @throws BerthError invalid-argument with the field's path
 */
export function checkName(name: string, path: string, { dots = false } = {}): string {
  const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
  const pattern = new RegExp(dots ? `^${label}(\\.${label})*$` : `^${label}$`)
  const longest = dots ? 253 : 63
  if (pattern.test(name) && name.length <= longest) return name
  const letters = `lower-case letters, digits and dashes${dots ? ', and dots' : ''}`
  throw invalidArgument(`${path}: "${name}" must be ${letters}, at most ${longest} characters`)
}
