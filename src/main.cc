#include "app.h"

int main(int argc, char** argv) { return ytb::run_app(argc, argv); }
