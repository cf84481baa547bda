import type { Rule } from '../failure-rules.ts'

/** What keeps an image from coming: its name, policies, the registry, the image itself. */
export const pullRules: readonly Rule[] = [
  {
    words: /SignatureValidationFailed|source image rejected/i,
    layer: 'image policy',
    what: 'the signature policy of this node does not allow the image',
    next: () => 'sign the image with a key that the policy names, or change the policy (image.signature_policy)',
  },
  {
    words: /is not what was promised|failed (size )?validation|unexpected commit digest|digest mismatch/i,
    layer: 'registry',
    what: 'what the registry sent is not what the digests of the image promise',
    next: () => 'push the image again; if others get it whole, look for a proxy or mirror that alters or cuts it',
  },
  {
    words: /invalid image reference|invalid reference format|InvalidImageName|failed to parse (image )?reference/i,
    layer: 'configuration',
    what: 'this is not the name of an image',
    next: () => 'write it as [registry/]repository[:tag][@digest], the repository in lower case',
  },
  {
    rpc: /PullImage/,
    words: /the registry configuration .* cannot be (used|read)|the certificates in .* cannot be read/,
    layer: 'configuration',
    what: 'the settings of this registry (hosts.toml, certificates) cannot be used, and no pull goes past them',
    next: () => 'correct that file; it is read at each pull',
  },
  {
    rpc: /PullImage/,
    words: /file of registry credentials|credential helper|docker-credential-|the pull secret is damaged/,
    layer: 'configuration',
    what: 'the credentials for this registry cannot be had',
    next: () => 'correct the pull secret, or image.auth_file and the helper that it names',
  },
  {
    rpc: /PullImage/,
    words: /the signature policy \S+ cannot be used|it asks for "[^"]*"/,
    layer: 'image policy',
    what: 'the signature policy of this node cannot be used, so it lets nothing pass',
    next: () => 'correct the file that image.signature_policy names (docs/images.md)',
  },
  {
    rpc: /PullImage/,
    words: /which the configuration forbids|more than the \d+ that the configuration allows/,
    layer: 'image',
    what: 'the image is larger than this node allows',
    next: () => 'if it is to be trusted, raise image.max_layer_bytes or image.max_layer_entries',
  },
  {
    rpc: /PullImage/,
    words: /schema ?(version )?1\b|schema1|manifest\.v1/i,
    layer: 'image',
    what: 'the image is in a format of before 2017 that is not taken any more',
    next: () => 'push it again with a current tool',
  },
  {
    rpc: /PullImage/,
    words:
      /cannot be unpacked|points out of the layer|claims to be an index|its .* is damaged|is not JSON|no JSON object|of an unknown kind|failed to extract layer|invalid tar header/,
    layer: 'image',
    what: 'the image is damaged, or not made as images must be',
    next: () => 'build and push it again; its words say which part of it is wrong',
  },
  {
    rpc: /PullImage/,
    words: /x509|certificate|tls:|self-signed|ssl/i,
    layer: 'registry',
    what: 'the TLS certificate of the registry is not accepted',
    next: () => 'give its CA in hosts.toml of that registry (docs/images.md), or mend the certificate',
  },
  {
    rpc: /PullImage/,
    words: /refuses the credentials|unauthori[sz]ed|authorization failed|\b401\b|pull access denied, the repository/i,
    layer: 'registry',
    what: 'the registry wants credentials, or other ones',
    next: () =>
      'give a pull secret that may read the repository (imagePullSecrets; berth pull --creds); check the name, too',
  },
  {
    rpc: /PullImage/,
    words: /pull access denied|forbidden|\b403\b|denied:/i,
    layer: 'registry',
    what: 'the registry knows the account and does not let it pull this',
    next: () => 'give the account the right to pull the repository',
  },
  {
    rpc: /PullImage/,
    words: /too ?many ?requests|\b429\b|rate limit/i,
    layer: 'registry',
    what: 'the registry has had too many requests from here',
    next: () => 'wait, log in (limits of accounts are higher), or use a mirror',
  },
  {
    rpc: /PullImage/,
    words: /no match for platform|no (image|manifest) for|platform/i,
    layer: 'image',
    what: 'the image is not there for the CPU of this node',
    next: () => 'push it for this platform, too, or schedule the pod on another node',
  },
  {
    rpc: /PullImage/,
    words: /the image there is incomplete/,
    layer: 'registry',
    what: 'the registry lacks a part that the image names',
    next: () => 'push the image again',
  },
  {
    rpc: /PullImage/,
    words:
      /RegistryUnavailable|cannot be reached|dial tcp|connection refused|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|no such host|i\/o timeout|timed out|connection reset|ECONNRESET|: EOF|unexpected EOF/i,
    layer: 'registry',
    what: 'the registry cannot be reached, or does not serve',
    next: (_, { image }) =>
      `from this node, try: curl -v ${registryOf(image)}/v2/ ; then look at DNS, proxy, firewall, and hosts.toml of a mirror`,
  },
  {
    rpc: /PullImage/,
    words: /not found|manifest unknown|name unknown|does not exist/i,
    layer: 'registry',
    what: 'the registry has no such image',
    next: (_, { image }) => `check the name and the tag${image ? ` of ${image}` : ''}; is it pushed to this registry?`,
  },
]

/** Where the registry is that an image's name begins with; Docker Hub where it names none. On this machine it is plain HTTP. */
function registryOf(image = ''): string {
  const [host = ''] = image.split('/')
  const isHost = image.includes('/') && /[.:]|^localhost$/.test(host) && host !== 'docker.io'
  const scheme = /^(localhost|127\.)/.test(host) ? 'http' : 'https'
  return isHost ? `${scheme}://${host}` : 'https://registry-1.docker.io'
}
