import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPrefix, podAddresses } from './addresses.ts'

const interfaces = [{ name: 'veth1' }, { name: 'eth0', sandbox: '/n' }, { name: 'net1', sandbox: '/n' }]
const ips = (...entries: [address: string, index?: number][]) =>
  entries.map(([address, index]) => ({ address, ...(index === undefined ? {} : { interface: index }) }))

test('the addresses of the interface that was asked for, without their prefix', () => {
  const result = { interfaces, ips: ips(['10.0.0.1/24', 0], ['10.1.0.2/24', 1], ['10.9.0.2/24', 2], ['10.1.0.3/24']) }
  assert.deepEqual(podAddresses(result, 'eth0', 'ipv4'), ['10.1.0.2', '10.1.0.3'])
})

test('an interface under another name counts when none has the right one; one on the host never does', () => {
  assert.deepEqual(podAddresses({ interfaces, ips: ips(['10.9.0.2/24', 2], ['10.0.0.1/24', 0]) }, 'eth0', 'ipv4'), [
    '10.9.0.2',
  ])
  assert.deepEqual(podAddresses({ interfaces, ips: ips(['10.0.0.1/24', 0]) }, 'eth0', 'ipv4'), [])
  assert.deepEqual(podAddresses({ interfaces, ips: ips(['10.0.0.1/24', 77]) }, 'eth0', 'ipv4'), [])
})

test('the preferred family comes first', () => {
  const result = { ips: ips(['fd00::2/64'], ['10.1.0.2/24'], ['10.1.0.2/24'], ['fd00::3/64']) }
  assert.deepEqual(podAddresses(result, 'eth0', 'ipv4'), ['10.1.0.2', 'fd00::2', 'fd00::3'])
  assert.deepEqual(podAddresses(result, 'eth0', 'ipv6'), ['fd00::2', 'fd00::3', '10.1.0.2'])
  assert.deepEqual(podAddresses(result, 'eth0', 'cni'), ['fd00::2', '10.1.0.2', 'fd00::3'])
})

test('addresses with a prefix length', () => {
  for (const text of ['10.0.0.1/0', '10.0.0.1/32', 'fd00::1/128']) assert.ok(isPrefix(text), text)
  for (const text of [
    '10.0.0.1',
    '10.0.0.1/',
    '10.0.0.1/33',
    '10.0.0.1/1/2',
    'fd00::1/129',
    '010.0.0.1/8',
    '1/8',
    '/8',
  ]) {
    assert.ok(!isPrefix(text), text)
  }
})
