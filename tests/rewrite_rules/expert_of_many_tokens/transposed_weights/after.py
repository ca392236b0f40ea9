class TinyExpert:
    def forward(self, x, up, down):
        states = self.act_fn(x.matmul(up.transpose(-1, -2)))
        states = states.matmul(down)
        return states
