/** The demo page's own script: an example question, when pressed, is asked in the widget. */
"use strict";

const chat = document.querySelector("countersign-chat");

for (const button of document.querySelectorAll("button[data-question]")) {
  button.disabled = chat === null;
  button.addEventListener("click", () => {
    chat.scrollIntoView({ block: "nearest" });
    chat.ask(button.dataset.question);
  });
}
