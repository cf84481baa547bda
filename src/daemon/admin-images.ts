import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Images } from '../image/images.ts'
import { formatReference, parseReference } from '../image/reference.ts'
import { invalidArgument, messageOf } from '../lib/errors.ts'

/** How often a follower of pulls hears of them, in milliseconds. */
const followEvery = 150

/**
 * The admin calls about images. A call answers with a value, which becomes JSON, or writes the answer itself and gives
 * undefined. `query` is that of the URL.
 */
export type AdminCall = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => Promise<unknown>

export function imageCalls(images: Images): Record<string, AdminCall> {
  return {
    'POST /v1/images/load-tar': async (request, _, query) => {
      const loaded = await images.loadTar(request, 'the archive', query.get('name') ?? undefined)
      return { images: loaded.map(({ id, repoTags }) => ({ id, repoTags })) }
    },
    'GET /v1/images/save': async (_, response, query) => {
      const format = query.get('format') ?? 'oci-archive'
      if (format !== 'oci-archive' && format !== 'docker-archive') {
        throw invalidArgument(`"${format}" is no format: "oci-archive" and "docker-archive" are`)
      }
      return sendArchive(images.save(query.get('image') ?? '', format), response)
    },
    'GET /v1/pulls/follow': async (_, response, query) => {
      const name = query.get('image')
      return followPulls(images, response, name === null ? undefined : formatReference(parseReference(name)))
    },
  }
}

/** What goes wrong in the middle is told in a trailer, `berth-error`, as text that is percent-encoded. */
async function sendArchive(archive: AsyncGenerator<Uint8Array>, response: ServerResponse): Promise<undefined> {
  response.writeHead(200, { 'content-type': 'application/x-tar', trailer: 'berth-error' })
  const gone = once(response, 'close')
  try {
    for await (const piece of archive) {
      if (response.destroyed) return undefined
      if (!response.write(piece)) await Promise.race([once(response, 'drain'), gone])
    }
  } catch (error) {
    response.addTrailers({ 'berth-error': encodeURIComponent(messageOf(error)) })
  }
  response.end()
  return undefined
}

/** A line of JSON for each change of the pulls under way (of one image, by its full name), until the client goes. */
async function followPulls(images: Images, response: ServerResponse, image: string | undefined): Promise<undefined> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  let last = ''
  while (!response.destroyed) {
    const pulls = images.progress().filter((pull) => image === undefined || pull.image === image)
    const line = JSON.stringify({ pulls })
    if (line !== last) response.write(`${line}\n`)
    last = line
    await sleep(followEvery)
  }
  return undefined
}
