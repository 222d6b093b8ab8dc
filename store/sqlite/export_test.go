package sqlite

// OpenWith is Open with other migrations.
var OpenWith = open

// ApplicationID marks our files.
const ApplicationID = applicationID
