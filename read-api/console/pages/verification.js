// Verification: the newest signed checkpoint of the log, and what it does not cover yet.
import { get } from '../api.js';
import { html, nothing } from '../lit-html.js';
import { busyView, plural, problemView, timeView } from '../parts.js';

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
      ${answer === undefined ? nothing : answerView(answer)}`,
  };
}

function answerView({ origin, verifierKey, checkpoint, beyond, lastVerification: last }) {
  const rest = `${beyond.atLeast ? 'at least ' : ''}${plural(beyond.commits, 'commit')}`;
  return html`
    ${
      checkpoint === null
        ? html`<p>Nothing is archived yet. The log (${rest}) rests on the chain of hashes alone.</p>`
        : html`<p><strong>${plural(checkpoint.size, 'commit')}</strong> are covered by the newest checkpoint, up to ${timeView(checkpoint.upTo)} UTC.
            ${beyond.commits === 0 ? 'Nothing was committed since.' : `After it came ${rest}, which rest on the chain of hashes alone until the next one.`}</p>`
    }
    <p>${
      last === null
        ? html`The log was never compared with its archive. <code>commerce verify --archive</code> does.`
        : html`The log was last compared with its archive ${timeView(last.at)} UTC by ${last.by.id}: ${plural(last.archived, 'commit')},
            <strong>${last.problems === 0 ? 'all well' : plural(last.problems, 'problem')}</strong>.`
    }</p>
    <dl class="facts wide">
      <dt>Log</dt><dd class="id">${origin}</dd>
      <dt>Public key</dt><dd class="id">${verifierKey}</dd>
      ${
        checkpoint === null
          ? nothing
          : html`<dt>Root</dt><dd class="id">${checkpoint.root}</dd>
              <dt>Cosigned by</dt><dd>${checkpoint.cosignedBy.length === 0 ? 'no witness' : checkpoint.cosignedBy.join(', ')}</dd>`
      }
    </dl>
    ${checkpoint === null ? nothing : html`<h2>Checkpoint</h2><pre class="json">${checkpoint.note}</pre>`}`;
}
