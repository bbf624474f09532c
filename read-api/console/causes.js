// @ts-check
// What caused what: the events of one request as a tree of commands, their events, and the commands that followed those. The
// console and `commerce trace` both use it.

/**
 * The fields of an event that the tree needs.
 * @typedef {{ id: string, commandId: string, causationId: string, at: string }} Caused
 */

/**
 * @template {Caused} E
 * @typedef {object} CommandNode
 * @property {string} commandId
 * @property {string | undefined} causeElsewhere The event that caused the command, if it is not in the tree.
 * @property {EventNode<E>[]} events
 */

/**
 * @template {Caused} E
 * @typedef {object} EventNode
 * @property {E} event
 * @property {CommandNode<E>[]} commands The commands that the event caused.
 */

/**
 * The commands that began it all, each with what followed. Keeps the order of the events. Every event is in the tree exactly
 * once, even if a changed log lets events cause each other.
 * @template {Caused} E
 * @param {Iterable<E>} events
 * @returns {CommandNode<E>[]}
 */
export function causeTree(events) {
  /** @type {Map<string, EventNode<E>>} */
  const byId = new Map();
  /** @type {Map<string, CommandNode<E> & { causationId: string }>} */
  const commands = new Map();
  for (const event of events) {
    if (byId.has(event.id)) continue;
    const { commandId, causationId } = event;
    const node = { event, commands: [] };
    byId.set(event.id, node);
    const command = commands.get(commandId) ?? { commandId, causationId, causeElsewhere: undefined, events: [] };
    command.events.push(node);
    commands.set(commandId, command);
  }

  /** @type {CommandNode<E>[]} */
  const roots = [];
  for (const command of commands.values()) {
    const cause = byId.get(command.causationId);
    if (cause && !isAbove(command, cause.event)) {
      cause.commands.push(command);
    } else {
      if (!cause && command.causationId !== command.commandId) command.causeElsewhere = command.causationId;
      roots.push(command);
    }
  }
  return roots;

  /**
   * True if the command is among the causes of the event, so that a link would close a circle.
   * @param {CommandNode<E>} command
   * @param {E} event
   */
  function isAbove({ commandId }, event) {
    /** @type {Set<string>} */
    const seen = new Set();
    for (let at = /** @type {E | undefined} */ (event); at && !seen.has(at.commandId); ) {
      if (at.commandId === commandId) return true;
      seen.add(at.commandId);
      at = byId.get(at.causationId)?.event;
    }
    return false;
  }
}
