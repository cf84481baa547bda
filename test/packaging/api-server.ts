/**
 * What kubectl needs of an API server to cordon, drain, annotate and uncordon the node of which Debian has no kubelet:
 * discovery, and one Node without pods. `node api-server.ts NAME` serves http://127.0.0.1:8080 and prints what becomes of the node.
 */
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'

interface Node {
  readonly metadata: { readonly name: string; annotations: Record<string, string> }
  spec: { unschedulable?: boolean | null }
}

const [name = ''] = process.argv.slice(2)
const node: Node = { metadata: { name, annotations: {} }, spec: {} }
const resource = (plural: string, kind: string, namespaced: boolean) => ({
  name: plural,
  singularName: '',
  namespaced,
  kind,
  verbs: ['get', 'list', 'patch', 'delete'],
})

const documents: Readonly<Record<string, () => object>> = {
  '/api': () => ({ kind: 'APIVersions', versions: ['v1'] }),
  '/apis': () => ({ kind: 'APIGroupList', apiVersion: 'v1', groups: [] }),
  '/api/v1': () => ({
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [resource('nodes', 'Node', false), resource('pods', 'Pod', true)],
  }),
  [`/api/v1/nodes/${name}`]: () => ({ kind: 'Node', apiVersion: 'v1', ...node }),
  '/api/v1/pods': () => ({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: [] }),
}

createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? '', 'http://localhost')
  const document = documents[pathname]
  if (!document) {
    response.writeHead(404).end()
    return
  }
  if (request.method === 'PATCH') {
    const { metadata, spec } = (await json(request)) as Partial<Node>
    Object.assign(node.metadata.annotations, metadata?.annotations)
    Object.assign(node.spec, spec)
    console.log(JSON.stringify(node))
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document()))
}).listen(8080, '127.0.0.1', () => console.log('ready'))
