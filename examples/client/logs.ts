// Follows the log of a container until that has ended: node examples/client/logs.ts CONTAINER
import { connect, containerLogs, discoverEndpoint } from 'berth/client'

const [containerId = ''] = process.argv.slice(2)
using cri = connect(await discoverEndpoint(), { timeout: 10_000 })
for await (const { timestamp, stream, text } of containerLogs(cri, containerId, { follow: true })) {
  console.log(timestamp, stream, text.toString())
}
