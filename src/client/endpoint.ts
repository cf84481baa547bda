/**
 * The gRPC target of a CRI endpoint. CRI runtimes listen on unix sockets alone; `unix:///run/x.sock`, `unix:/run/x.sock`
 * and a bare absolute path all name one.
 *
 * @throws {TypeError} when the endpoint is not such a name
 */
export function targetOf(endpoint: string): string {
  return `unix:${socketPathOf(endpoint)}`
}

/** The socket's path, without the scheme. */
export function socketPathOf(endpoint: string): string {
  const path = /^(?:unix:(?:\/\/)?)?(\/[^/\0][^\0]*)$/.exec(endpoint)?.[1]
  if (path !== undefined) return path
  throw new TypeError(
    `"${endpoint}" is not the endpoint of a CRI runtime: give a unix socket, such as unix:///run/berth/berth.sock`,
  )
}
