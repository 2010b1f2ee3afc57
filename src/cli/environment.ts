/** The environment variables that the program reads besides libpq's. Each is a permission, so there is no "all of them". */
export const OWN_VARIABLES: readonly string[] = [
  // Who the user is, where ~/.pgpass and ~/.postgresql lie.
  "HOME",
  "USERPROFILE",
  "APPDATA",
  "USER",
  "LOGNAME",
  "USERNAME",
  // Whether the terminal can redraw a line: TERM=dumb.
  "TERM",
  // Our own.
  "SCS_DEBUG",
];
