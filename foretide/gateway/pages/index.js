// The token comes once in the address, is kept for this tab, and leaves the address bar at once.
const address = new URL(window.location.href);
const given = address.searchParams.get("token");
if (given) {
  sessionStorage.setItem("foretide-token", given);
  address.searchParams.delete("token");
  window.history.replaceState(null, "", address.pathname + address.search);
}
const token = sessionStorage.getItem("foretide-token");
const note = document.getElementById("note");
const table = document.getElementById("sessions");

function cell(row, text, className) {
  const made = document.createElement("td");
  made.textContent = text;
  if (className) made.className = className;
  row.appendChild(made);
}

async function show() {
  if (!token) {
    note.textContent = "Open the address that `foretide up` printed: it carries your token.";
    return;
  }
  const answer = await fetch("/api/training/sessions", { headers: { Authorization: `Bearer ${token}` } });
  const found = await answer.json();
  if (!answer.ok) {
    note.textContent = `${found.title}. ${found.user_message}`;
    return;
  }
  const body = table.querySelector("tbody");
  body.replaceChildren();
  for (const session of found.items) {
    const row = document.createElement("tr");
    cell(row, session.name);
    cell(row, session.status, "status");
    cell(row, new Date(session.createdAt).toLocaleString());
    cell(row, session.sessionId);
    body.appendChild(row);
  }
  table.hidden = found.items.length === 0;
  note.hidden = found.items.length > 0;
  note.textContent = "No session yet.";
}

async function keepShowing() {
  try {
    await show();
  } catch (error) {
    note.hidden = false;
    note.textContent = `Foretide does not answer: ${error.message}`;
  }
  window.setTimeout(keepShowing, 5000);
}
keepShowing();
