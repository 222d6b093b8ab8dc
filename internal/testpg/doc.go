// Package testpg gives tests a real PostgreSQL. [Start] takes the server whose
// URL is in SWITCHGEAR_TEST_POSTGRES_URL, or starts a cluster of its own in a
// temporary folder, on 127.0.0.1 and, where the tests run as root, under an
// unprivileged user. [StartOwn] always does the latter, for tests that freeze and
// kill it; [Shared] is one for all tests of a package, which [Main] ends.
// PostgreSQL's programs are looked for on PATH and where Debian has them.
//
// Where there is no server a test does without, unless SWITCHGEAR_TEST_REQUIRE
// is 1: then it fails and says how to install one.
package testpg
