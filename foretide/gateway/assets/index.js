// The token comes once in the address, is kept for this tab, and leaves the address bar at once.
const KEPT_TOKEN = "foretide-token";
const REFRESH_MILLISECONDS = 5000;
const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

const note = document.getElementById("note");
const form = document.getElementById("sign-in");
const table = document.getElementById("sessions");
const more = document.getElementById("more");

let pages = 1;
let timer;

function takeTokenFromAddress() {
  const address = new URL(window.location.href);
  const given = address.searchParams.get("token");
  if (given === null) return;
  sessionStorage.setItem(KEPT_TOKEN, given);
  address.searchParams.delete("token");
  window.history.replaceState(null, "", address.pathname + address.search + address.hash);
}

// All text goes in as text, never as markup.
function addCell(row, text, className) {
  const cell = row.insertCell();
  cell.textContent = text;
  if (className) cell.className = className;
  return cell;
}

function addRow(body, session) {
  const row = body.insertRow();
  addCell(row, session.name || "unnamed", session.name ? "name" : "name faint");
  const status = document.createElement("span");
  status.textContent = session.status;
  status.className = "status";
  status.dataset.status = session.status;
  addCell(row, "").appendChild(status);
  addCell(row, TIME.format(new Date(session.createdAt)), "when");
  addCell(row, TIME.format(new Date(session.updatedAt)), "when");
  addCell(row, session.sessionId, "identifier");
}

async function readPage(token, cursor) {
  const query = cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`;
  const answer = await fetch(`/api/training/sessions${query}`, { headers: { Authorization: `Bearer ${token}` } });
  if (answer.ok) return answer.json();
  const problem = await answer.json();
  if (answer.status === 401) sessionStorage.removeItem(KEPT_TOKEN);
  throw new Error(problem.user_message);
}

async function readSessions(token) {
  const found = [];
  let cursor = null;
  for (let number = 0; number < pages; number += 1) {
    const page = await readPage(token, cursor);
    found.push(...page.items);
    cursor = page.nextCursor;
    if (cursor === null) break;
  }
  return { found, isAll: cursor === null };
}

function tell(text) {
  note.textContent = text;
  note.hidden = text === "";
  const isSignedIn = sessionStorage.getItem(KEPT_TOKEN) !== null;
  form.hidden = isSignedIn;
  if (!isSignedIn) table.hidden = more.hidden = true;
}

async function show() {
  const token = sessionStorage.getItem(KEPT_TOKEN);
  if (token === null) {
    tell("Open the address that “foretide up” printed: it carries your token. Or give one here.");
    return;
  }
  const { found, isAll } = await readSessions(token);
  const body = document.createElement("tbody");
  for (const session of found) addRow(body, session);
  table.tBodies[0].replaceWith(body);
  table.hidden = found.length === 0;
  more.hidden = isAll;
  tell(found.length === 0 ? "None yet. The commands below make one." : "");
}

async function keepShowing() {
  window.clearTimeout(timer);
  try {
    if (!document.hidden) await show();
  } catch (error) {
    tell(error.message);
  }
  if (sessionStorage.getItem(KEPT_TOKEN) !== null) timer = window.setTimeout(keepShowing, REFRESH_MILLISECONDS);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const given = document.getElementById("token").value.trim();
  if (given === "") return;
  sessionStorage.setItem(KEPT_TOKEN, given);
  keepShowing();
});
more.addEventListener("click", () => {
  pages += 1;
  keepShowing();
});
document.addEventListener("visibilitychange", keepShowing);

takeTokenFromAddress();
keepShowing();
