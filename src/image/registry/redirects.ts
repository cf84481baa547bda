import { isLoopback } from '../../lib/loopback.ts'

const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308]

/** So many redirects in a row are followed. */
export const maxRedirects = 5

/**
 * Where an answer redirects to; undefined when it is no redirect. Throws an Error for one that may not be followed: to
 * something other than HTTP, or to plain HTTP where that is not allowed.
 */
export function redirectTarget(
  status: number,
  location: string | undefined,
  from: URL,
  plainHttp: readonly string[],
): URL | undefined {
  if (!redirectStatuses.includes(status)) return undefined
  if (location === undefined || !URL.canParse(location, from.href)) throw new Error('redirects to nowhere')
  const target = new URL(location, from)
  const mayBePlain =
    from.protocol === 'http:' &&
    (target.host === from.host || isLoopback(target.host) || plainHttp.includes(target.host))
  if (target.protocol !== 'https:' && !(target.protocol === 'http:' && mayBePlain)) {
    throw new Error(`redirects to ${target.protocol}//${target.host}, which is not safe`)
  }
  return target
}
