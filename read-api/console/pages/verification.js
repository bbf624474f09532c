// Verification: what the server knows about the integrity of the log.
import { get } from '../api.js';
import { html, nothing } from '../lit-html.js';
import { busyView, jsonView, problemView } from '../parts.js';

export function verificationPage(/** @type {{ update(): void }} */ { update }) {
  let answer;
  let problem;
  let isBusy = true;

  async function load() {
    isBusy = true;
    update();
    try {
      answer = await get('/v1/audit/verification');
      problem = undefined;
    } catch (error) {
      problem = error;
    }
    isBusy = false;
    update();
  }

  void load();
  return {
    title: 'Verification',
    view: () => html`
      <p>Commits are chained by hashes, and archived in a Merkle tree whose signed checkpoints leave the server. A server cannot
        vouch for itself: <code>commerce verify</code> and <code>commerce prove</code> check the same from outside.</p>
      <p><button type="button" class="second" ?disabled=${isBusy} @click=${load}>Check again</button></p>
      ${problemView(problem)} ${busyView(isBusy)}
      ${answer === undefined ? nothing : jsonView(answer)}`,
  };
}
