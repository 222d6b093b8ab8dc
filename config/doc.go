// Package config reads what an operator writes: the config file, the
// environment, and the section that describes one service, which is also the
// body that registers it over REST.
//
// # The file
//
// It is YAML, at most [MaxFileSize], and empty is fine:
//
//	defaults: { failureThreshold: 5 }        # fields of a breaker, for every service
//	services:
//	  market_data_service:                   # see [Service]
//	    layer: data
//	    description: Prices from the exchange
//	    dependencies: [token_sync_service]
//	    config: { failureThreshold: 3, resetTimeoutMs: 30000 }
//	    healthCheck: { http: { url: http://127.0.0.1:9101/health }, timeoutMs: 2000 }
//	alerts:                                  # see [Alerts]
//	  rules: { consecutive_failures: { threshold: 3 } }
//	  receivers:
//	    ops: { webhook: { url: https://ops.example.com/alerts, secretFile: ops-secret } }
//	server:
//	  listen: 127.0.0.1:8080
//	  publicUrl: https://board.example.com
//	  allowedOrigins: []
//	  allowedTargets: [loopback, 10.0.0.0/8]
//	  maxServices: 20000
//	  limits: { messagesPerMinute: 60, socketsPerIdentity: 20, loginsPerMinute: 10, agents: 10000, servicesPerAgent: 1000 }
//	auth: { jwt: { secretFile: jwt-secret, issuer: https://login.example.com, audience: switchgear } }
//	store: { data: ./data }                  # or databaseUrl, for PostgreSQL
//	bus: { natsUrlFile: nats-url, subjectPrefix: switchgear }     # see [Bus]
//	metrics: { durations: auto }
//	log: { level: info, format: text }       # see [Settings]
//
// # Promises
//
//  1. Nothing that is written is passed over: a key that nobody reads, a key
//     given twice and a value of the wrong type are errors.
//  2. All errors of a file are told at once, sorted, each with its line and
//     its path: see [FileError].
//  3. Where readers of YAML disagree, the file must be clear: numbers are
//     decimal (0777, 0x1F and 1_000 are refused), true and false are the only
//     booleans, and yes, no, on and off are plain words, refused where a
//     boolean is wanted. There is one document, without tags of its own.
//  4. Anchors, aliases and merge keys (<<) work, but may expand to 16 MiB at
//     most.
//  5. What [Service] writes as JSON, [DecodeService] reads back as the same.
//  6. No error has a secret in it.
package config
