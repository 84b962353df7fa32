// The login: shown when the server wants one. The server answers with a cookie, which scripts cannot read.
import * as api from "../api.js";
import { fill, h, setText } from "../dom.js";
import { go, href, params } from "../state.js";

export function open(root, app) {
  const basic = app.status?.auth === "basic";
  const user = h("input", { name: "username", autocomplete: "username", required: true });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const token = h("input", { name: "token", type: "password", autocomplete: "current-password", required: true });
  const error = h("p", { class: "bad", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    setText(error, "");
    try {
      await api.login(basic ? { username: user.value, password: password.value } : { token: token.value });
      const next = params().get("next") ?? "";
      go(/^\/(?!\/)/.test(next) && !next.startsWith("/login") ? next : href("/hosts"), { replace: true });
    } catch (problem) {
      setText(error, problem.status === 401 ? (basic ? "The name or the password is wrong." : "The token is wrong.") : problem.message);
    }
  };
  fill(root, h("form", { class: "login sheet", on: { submit } }, h("h1", null, "Log in"),
    basic ? [h("label", null, "Name", user), h("label", null, "Password", password)] : h("label", null, "Token", token),
    error, h("button", { class: "pill" }, "Log in"), h("p", { class: "dim" }, "The token or the password is in the configuration of rtcollector web, under auth.")));
  (basic ? user : token).focus();
  return { title: "Log in" };
}
