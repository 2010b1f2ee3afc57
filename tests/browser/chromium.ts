/**
 * A headless Chromium, spoken to by its DevTools protocol over a WebSocket: enough to open a page, to look at it in light,
 * dark and narrow, and to hear what it complains about. Started with a profile of its own, which goes with it.
 */

/** What a page said that it should not have. */
export interface Page {
  /** Errors and warnings of the console, exceptions, and requests for anything but the page itself. */
  readonly complaints: readonly string[];
  open(url: string): Promise<void>;
  /** Sees the page as a reader with these settings would. */
  emulate(
    view: {
      readonly width: number;
      readonly height: number;
      readonly scheme: "light" | "dark";
      readonly media?: "print";
    },
  ): Promise<void>;
  /** Evaluates an expression there; promises are awaited. */
  evaluate<T>(expression: string): Promise<T>;
  press(key: "Tab" | "Enter"): Promise<void>;
  /** A picture of what is to be seen, or of the whole page. */
  screenshot(whole?: boolean): Promise<Uint8Array>;
}

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
  "--remote-debugging-port=0",
];

/** Where the browser is: CHROMIUM, or Debian's place. */
export function findChromium(): string {
  const path = Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium";
  try {
    if (Deno.statSync(path).isFile) return path;
  } catch { /* said below */ }
  throw new Error(
    `Cannot test the page without a browser: ${path} is not there. Get one with \`apt-get install chromium\`, or name ` +
      "Chromium's or Chrome's executable in CHROMIUM",
  );
}

/** Starts a browser with one page. */
export async function openBrowser(): Promise<Page & AsyncDisposable> {
  const profile = await Deno.makeTempDir({ prefix: "scs_chromium_" });
  const process = new Deno.Command(findChromium(), {
    args: [...FLAGS, `--user-data-dir=${profile}`, "about:blank"],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const { endpoint, ended } = await findEndpoint(process.stderr);
  const socket = new WebSocket(endpoint);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });

  const complaints: string[] = [];
  const waiting = new Map<number, (answer: Answer) => void>();
  const listeners = new Map<string, () => void>();
  let last = 0;
  const attached: { sessionId?: string } = {};
  let opened = "about:blank";
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data) as Answer & { id?: number; method?: string; params?: Record<string, unknown> };
    if (message.id !== undefined) return waiting.get(message.id)?.(message);
    const { method = "", params = {} } = message;
    listeners.get(method)?.();
    const complaint = toComplaint(method, params, opened);
    if (complaint !== undefined) complaints.push(complaint);
  };
  const send = (method: string, params: object = {}) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const id = ++last;
      waiting.set(id, ({ result, error }) => {
        waiting.delete(id);
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
      socket.send(JSON.stringify({ id, method, params, ...attached }));
    });

  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  attached.sessionId = sessionId as string;
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`);

  return {
    complaints,
    async open(url) {
      opened = url;
      const loaded = new Promise<void>((resolve) => listeners.set("Page.loadEventFired", resolve));
      await send("Page.navigate", { url });
      await loaded;
    },
    async emulate({ width, height, scheme, media }) {
      await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 });
      await send("Emulation.setEmulatedMedia", {
        media: media ?? "screen",
        features: [{ name: "prefers-color-scheme", value: scheme }],
      });
    },
    async evaluate<T>(expression: string) {
      const { result, exceptionDetails } = await send("Runtime.evaluate", {
        expression,
        awaitPromise: true,
        returnByValue: true,
      }) as { result: { value: T }; exceptionDetails?: { exception?: { description?: string } } };
      if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? "it threw");
      return result.value;
    },
    async press(key) {
      const code = { Tab: 9, Enter: 13 }[key];
      const text = key === "Enter" ? { text: "\r" } : {};
      for (const type of ["keyDown", "keyUp"]) {
        await send("Input.dispatchKeyEvent", {
          type,
          key,
          code: key,
          windowsVirtualKeyCode: code,
          ...(type === "keyDown" ? text : {}),
        });
      }
    },
    async screenshot(whole = false) {
      const { data } = await send("Page.captureScreenshot", { format: "png", captureBeyondViewport: whole });
      return Uint8Array.fromBase64(data as string);
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      process.kill("SIGKILL");
      await process.status;
      // Its own processes have its standard error too, until they notice.
      await ended;
      await Deno.remove(profile, { recursive: true }).catch(() => {});
    },
  };
}

interface Answer {
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

function toComplaint(method: string, params: Record<string, unknown>, opened: string): string | undefined {
  const text = JSON.stringify(params).slice(0, 400);
  if (method === "Runtime.exceptionThrown") return `exception: ${text}`;
  if (method === "Log.entryAdded") return `log: ${text}`;
  if (method === "Runtime.consoleAPICalled" && /^(error|warning|assert)$/.test(String(params["type"]))) {
    return `console: ${text}`;
  }
  if (method === "Network.requestWillBeSent") {
    const { url } = params["request"] as { url: string };
    if (url !== opened && url !== "about:blank") return `request: ${url}`;
  }
  return undefined;
}

/** The address that the browser prints when it listens; the rest of what it prints is read and dropped. */
async function findEndpoint(
  stderr: ReadableStream<Uint8Array>,
): Promise<{ readonly endpoint: string; readonly ended: Promise<void> }> {
  const reader = stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`Cannot start the browser: ${text.trim().split("\n").at(-1)}`);
    text += value;
    const endpoint = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
    if (endpoint === undefined) continue;
    const drain = async () => {
      while (!(await reader.read()).done);
    };
    return { endpoint, ended: drain() };
  }
}
