/** The page that shows a device, over plain http, how to trust this server once: as text, without the built pages. */
export type TrustFile = { readonly type: string; readonly body: string | Buffer; readonly headers?: Readonly<Record<string, string>> }

type System = { readonly id: string; readonly name: string; readonly steps: readonly string[] }

const SYSTEMS: readonly System[] = [
  {
    id: 'ios',
    name: 'iPhone and iPad',
    steps: [
      'Open this page in Safari and press “Get the certificate”; allow the download.',
      'Open Settings: “Profile Downloaded” stands at the top. Install it.',
      'Settings → General → About → Certificate Trust Settings: switch the Ringlet entry on.',
    ],
  },
  {
    id: 'android',
    name: 'Android',
    steps: [
      'Press “Get the certificate”.',
      'Settings → Security and privacy → More → Encryption and credentials → Install a certificate → CA certificate.',
      'Choose the file ringlet-ca.crt among the downloads.',
    ],
  },
  {
    id: 'mac',
    name: 'Mac',
    steps: [
      'Press “Get the certificate” and open the file: it goes into Keychain Access.',
      'Double-click the Ringlet entry there, open “Trust”, and choose “Always Trust”.',
    ],
  },
  {
    id: 'windows',
    name: 'Windows',
    steps: [
      'Press “Get the certificate” and open the file, then “Install Certificate…”.',
      'Choose “Current User”, then “Place all certificates in the following store” and “Trusted Root Certification Authorities”.',
    ],
  },
  {
    id: 'linux',
    name: 'Linux, and Firefox everywhere',
    steps: [
      'Press “Get the certificate”.',
      'Chrome and Chromium: open chrome://certificate-manager → Local certificates → Custom → Installed by you → Import.',
      'Firefox: Settings → Privacy & Security → View Certificates → Authorities → Import, and trust it for websites.',
    ],
  },
]

const sectionOf = ({ id, name, steps }: System): string =>
  `<details id="${id}"><summary>${name}</summary><ol>${steps.map((step) => `<li>${step}</li>`).join('')}</ol></details>`

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Trust this server · Ringlet</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/trust.css">
<script src="/trust.js" defer></script>
</head>
<body>
<main>
<h1>One step before this device can join</h1>
<p id="state" role="status">Browsers give their GPU, threads and storage to pages over https only. This server has made a certificate of its own, which no device knows yet.</p>
<p class="actions"><a class="button primary" href="/ringlet-ca.crt" download="ringlet-ca.crt">Get the certificate</a>
<a class="button" id="next" href="/contribute">Go on</a></p>
<h2>How to trust it, once</h2>
${SYSTEMS.map(sectionOf).join('\n')}
<h2>What that means</h2>
<p>Your device will then believe pages that this machine signs. Do it only if you trust who runs it, and remove the certificate in the same place when you no longer need it. Its key never leaves that machine.</p>
<p>Without it the browser warns you. Where it lets you go on all the same, as Chrome does under “Advanced”, the device can join too, until the browser forgets.</p>
</main>
</body>
</html>
`

const STYLE = `:root{color-scheme:light dark;--ground:light-dark(#fbfaf7,#131519);--ink:light-dark(#1a1c22,#e9ebef);--muted:light-dark(#595f6b,#a3abb8);--accent:light-dark(#4450c8,#9aa5ff);--accent-ink:light-dark(#fff,#14161c);--line:light-dark(#e4e2db,#2f343d)}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.6 system-ui,sans-serif}
main{max-width:40rem;margin:0 auto;padding:clamp(1.25rem,4vw,2.75rem) 1rem 3rem}
h1{font-size:clamp(1.4rem,1.2rem + 1.5vw,1.9rem);line-height:1.2}
h2{margin-top:2rem;font-size:1.05rem}
details{border-top:1px solid var(--line)}
summary{padding:.8rem 0;font-weight:600;cursor:pointer}
ol{margin:0 0 1rem;padding-left:1.3rem}
.actions{display:flex;flex-wrap:wrap;gap:.6rem}
.button{display:inline-block;padding:.6rem 1.2rem;border:1px solid var(--line);border-radius:10px;color:var(--ink);text-decoration:none;font-weight:600}
.primary{border-color:transparent;background:var(--accent);color:var(--accent-ink)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
`

/** A device that trusts the server already goes straight on. What comes behind # is never sent over plain http. */
const SCRIPT = `'use strict'
const secure = 'https://' + location.host
const wanted = decodeURI(location.hash.slice(1))
const next = URL.canParse(wanted) && new URL(wanted).origin === secure ? wanted : secure + '/contribute'
document.getElementById('next').href = next
const system = [['ios', /iPhone|iPad/], ['android', /Android/], ['windows', /Windows/], ['mac', /Macintosh/], ['linux', /Linux/]].find(([, pattern]) => pattern.test(navigator.userAgent))
if (system) document.getElementById(system[0]).open = true
const look = () =>
  fetch(secure + '/health', { cache: 'no-store' }).then(() => {
    document.getElementById('state').textContent = 'This device trusts the server. Going on…'
    location.replace(next)
  }, () => undefined)
addEventListener('focus', look)
look()
`

const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src https:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

/** By path. @param ca the authority's certificate, PEM */
export const trustFiles = (ca: string): ReadonlyMap<string, TrustFile> =>
  new Map<string, TrustFile>([
    ['/trust', { type: 'text/html; charset=utf-8', body: PAGE, headers: { 'content-security-policy': PAGE_POLICY } }],
    ['/trust.css', { type: 'text/css; charset=utf-8', body: STYLE }],
    ['/trust.js', { type: 'text/javascript; charset=utf-8', body: SCRIPT }],
    [
      '/ringlet-ca.crt',
      { type: 'application/x-x509-ca-cert', body: ca, headers: { 'content-disposition': 'attachment; filename="ringlet-ca.crt"' } },
    ],
  ])
