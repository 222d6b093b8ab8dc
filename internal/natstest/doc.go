// Package natstest gives tests a real nats-server, on 127.0.0.1, that they may
// freeze and kill. The program is looked for on PATH and where Debian has it.
// Where there is none a test does without, unless SWITCHGEAR_TEST_REQUIRE is 1:
// then it fails and says how to install it.
package natstest
