package switchgear_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/degenduel/switchgear"
)

// statusError is an answer of an HTTP service that is not 2xx.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// Classify says for all operations of a breaker what their errors mean. Here
// an answer that blames the caller proves that the service works.
func ExampleConfig_classify() {
	api, err := switchgear.New("api", switchgear.Config{
		Classify: func(err error) switchgear.Outcome {
			var status statusError
			if errors.As(err, &status) && status < 500 {
				return switchgear.Success
			}
			return switchgear.Failure
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, status := range []statusError{404, 409, 503} {
		_, err := switchgear.Do(context.Background(), api, func(context.Context) (string, error) { return "", status })
		fmt.Println(err)
	}
	fmt.Printf("%+v\n", api.Operations())
	// Output:
	// status 404
	// status 409
	// status 503
	// {Successful:2 Failed:1 Rejected:0 Ignored:0}
}
