// Holdfast for OpenCode. Written by `holdfast install opencode`; `holdfast uninstall opencode` removes it.
// It hands prompts and answers to Holdfast's hook and puts what that recalls before the model. It waits at most
// two seconds, and whatever goes wrong, the conversation goes on without it.
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"

const COMMAND = ["holdfast-hook"]
const WAIT_MS = 2000

const call = (event, cwd, payload) =>
  new Promise((resolve) => {
    let told = ""
    const end = () => {
      try {
        resolve(JSON.parse(told).context ?? "")
      } catch {
        resolve("")
      }
    }
    try {
      const [program, ...rest] = COMMAND
      const hook = spawn(program, [...rest, event], { cwd, stdio: ["pipe", "pipe", "ignore"] })
      const timer = setTimeout(() => hook.kill(), WAIT_MS)
      hook.on("error", () => resolve(""))
      hook.on("close", () => {
        clearTimeout(timer)
        end()
      })
      hook.stdin.on("error", () => {})
      hook.stdout.on("data", (part) => (told += part))
      hook.stdin.end(JSON.stringify({ ...payload, cwd }))
    } catch {
      resolve("")
    }
  })

const textOf = (parts) =>
  (typeof parts === "string" ? [{ type: "text", text: parts }] : (parts ?? []))
    .filter((part) => part.type === "text" && !part.synthetic && part.text)
    .map((part) => part.text)
    .join("\n")

// OpenCode 1: hooks that are returned.
const server = async ({ client, directory }) => {
  const capture = async (sessionID, event) => {
    const listed = await client.session.messages({ path: { id: sessionID } })
    const messages = (listed.data ?? [])
      .slice(-50)
      .map(({ info, parts }) => ({ id: info.id, role: info.role, text: textOf(parts) }))
    await call(event, directory, { session_id: sessionID, messages })
  }
  return {
    "chat.message": async (input, output) => {
      const prompt = textOf(output.parts)
      const context = await call("prompt", directory, { session_id: input.sessionID, prompt })
      const first = output.parts.find((part) => part.type === "text")
      if (context && first)
        output.parts.push({ ...first, id: `${first.id}-holdfast`, text: context, synthetic: true })
    },
    event: async ({ event }) => {
      if (event.type !== "session.idle") return
      await capture(event.properties.sessionID, "messages").catch(() => {})
    },
    "experimental.session.compacting": async ({ sessionID }) => {
      await capture(sessionID, "pre-compact").catch(() => {})
    },
  }
}

// OpenCode 2: hooks that are registered.
const setup = async (ctx) => {
  const directory = ctx.location?.directory ?? ctx.directory ?? process.cwd()
  const contexts = new Map()
  const sent = new Set()
  const once = (sessionID, role, text) => {
    const id = createHash("sha256").update(`${sessionID}\n${role}\n${text}`).digest("hex").slice(0, 32)
    if (!text || sent.has(id)) return []
    sent.add(id)
    return [{ id, role, text }]
  }
  await ctx.session.hook("prompt", async (event) => {
    const prompt = event.prompt?.text ?? textOf(event.prompt?.parts)
    contexts.set(event.sessionID, await call("prompt", directory, { session_id: event.sessionID, prompt }))
  })
  await ctx.session.hook("context", async (event) => {
    if (event.kind && event.kind !== "primary") return
    const context = contexts.get(event.sessionID)
    if (context) event.system.push({ type: "text", text: context })
    const messages = event.messages
      .filter((one) => one.role === "user" || one.role === "assistant")
      .slice(-50)
      .flatMap((one) => once(event.sessionID, one.role, textOf(one.content)))
    if (messages.length) void call("messages", directory, { session_id: event.sessionID, messages })
  })
}

export default { id: "holdfast", server, setup }
