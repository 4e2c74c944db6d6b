/* What JavaScript adds to pages that work without it. No inline handlers: everything hangs on data attributes. */
(() => {
  "use strict";

  // <button data-copy="#id"> puts that field's value on the clipboard and says so.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.querySelector(button.dataset.copy);
    const text = source.value ?? source.textContent;
    await navigator.clipboard.writeText(text.trim());
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1600);
  });

  // A form that was sent is not sent twice by an impatient second click.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[data-once]")) {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    }
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
  });

  // Buttons that only make sense with JavaScript are hidden until it runs.
  for (const element of document.querySelectorAll("[data-needs-script]")) element.hidden = false;
  // A filter form sends itself when a choice changes; its button stays for everybody else.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-self-sending]");
    if (form) form.requestSubmit();
  });

  // The signer's time zone is part of the evidence of a signature.
  for (const field of document.querySelectorAll("input[data-time-zone]")) {
    field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  }
})();
