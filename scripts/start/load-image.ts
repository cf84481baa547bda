import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'

/** Has berthd import the images of an OCI layout, through its admin socket. */
export async function loadImage(adminSocket: string, layout: string): Promise<void> {
  const post = request({
    socketPath: adminSocket,
    method: 'POST',
    path: '/v1/images/load',
    headers: { 'content-type': 'application/json' },
  })
  post.end(JSON.stringify({ path: layout }))
  const [response] = (await once(post, 'response')) as [IncomingMessage]
  const answer = await text(response)
  if (response.statusCode !== 200) throw new Error(`berthd could not load the image: ${answer.trim()}`)
}
