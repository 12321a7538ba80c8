/* Hello world on libfcgi, in as many processes as are asked for: what FastCGI costs in C.
   usage: hello_fcgi SOCKET PROCESSES */
#include <fcgiapp.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    FCGX_Request request;
    int listener, number;

    if (argc != 3 || FCGX_Init() != 0)
        return 2;
    listener = FCGX_OpenSocket(argv[1], 1024);
    for (number = 1; number < atoi(argv[2]); number++)
        if (fork() == 0)
            break;
    if (listener < 0 || FCGX_InitRequest(&request, listener, 0) != 0)
        return 1;
    while (FCGX_Accept_r(&request) == 0) {
        FCGX_PutS("Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!", request.out);
        FCGX_Finish_r(&request);
    }
    return 0;
}
