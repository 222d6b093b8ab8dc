import { may } from '../../live/live';
import './empty.css';

/** A manager without services: how they get there. */
export function Empty() {
  return (
    <section class="empty">
      <h1>No services yet</h1>
      <p class="muted">The manager runs and waits. A service comes on the board in one of three ways, and shows up here by itself.</p>
      <div class="empty-ways">
        <article class="card">
          <h2>In the config file</h2>
          <p>The manager checks it from outside. The file is read again when it changes.</p>
          <pre tabIndex={0}>{`services:
  payments_api:
    layer: api
    healthCheck:
      http:
        url: https://payments.example.com/healthz`}</pre>
        </article>
        <article class="card">
          <h2>Over the API</h2>
          <p>A program in any language reports what it did and asks whether to go on.</p>
          <pre tabIndex={0}>{`curl ${location.origin}/api/v2/services/payments_api \\
  -X PUT -d '{"layer": "api"}' \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer $SWITCHGEAR_TOKEN"`}</pre>
          {!may('admin') && <p class="muted">It takes a token of an admin.</p>}
        </article>
        <article class="card">
          <h2>In a Go program</h2>
          <p>A manager inside the program, with the program's own breakers.</p>
          <pre tabIndex={0}>{`payments, err := switchgear.NewService(
    "payments_api", switchgear.ServiceConfig{})
// …
err = manager.Register(ctx, payments,
    config.Service{Layer: "api"})`}</pre>
        </article>
      </div>
    </section>
  );
}
