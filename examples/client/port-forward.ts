// Asks the web server in a pod for its front page: node examples/client/port-forward.ts POD PORT
import { text } from 'node:stream/consumers'
import { connect, discoverEndpoint, portForward } from 'berth/client'

const [podSandboxId = '', port = '80'] = process.argv.slice(2)
using cri = connect(await discoverEndpoint(), { timeout: 10_000 })
const web = await portForward(cri, { podSandboxId, port: Number(port) })
web.write('GET / HTTP/1.0\r\n\r\n')
console.log(await text(web))
web.destroy()
